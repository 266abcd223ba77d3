"""Writing a page: content, style and script in one file that loads nothing.

Everything that comes from files (names, answers, questions, paths) goes through the template's
escaping or into the JSON, where no sign can end its element; the script makes text nodes of it and
never markup. A content security policy lets only this script and this style act, and only pictures
that are inside the page be shown.
"""

import base64
import hashlib
import json
from importlib import resources
from typing import Any

from clvl_bench.report.page.content import page_content
from clvl_bench.report.report_data import ReportData
from clvl_bench.report.tables import short_table

PAGE = "index.html"

LINE_ENDS = {"\u2028": "\\u2028", "\u2029": "\\u2029"}
"""Signs that end a line of JavaScript and not one of JSON."""
MARKUP = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
"""Signs that could end the element that the JSON stands in, or begin another."""


def page(data: ReportData) -> bytes:
    """The whole page of a report.

    Raises:
        Mistake: the runs cannot stand in one table.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    content = page_content(data)
    style, script = _own("page.css"), _own("page.js")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    template = environment.from_string(_own("page.html.j2"))
    text = template.render(
        content=content,
        title=_title(content),
        plain_tables=_plain_tables(data),
        fixed=[(name, _svg(picture)) for name, picture in data.fixed.items()],
        json=Markup(to_script(content)),
        style=Markup(style),
        script=Markup(script),
        style_hash=_csp_hash(style),
        script_hash=_csp_hash(script),
    )
    return text.encode()


def to_script(content: Any) -> str:
    """JSON that may stand in an element `script`, whatever its strings hold.

    Example:
        >>> to_script({"name": "</script><b>"})
        '{"name":"\\\\u003c/script\\\\u003e\\\\u003cb\\\\u003e"}'
    """
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign, written in {**MARKUP, **LINE_ENDS}.items():
        text = text.replace(sign, written)
    return text


def _own(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _csp_hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _svg(picture: bytes) -> str:
    """A picture as the address of an image, in which nothing acts."""
    return f"data:image/svg+xml;base64,{base64.b64encode(picture).decode()}"


def _title(content: dict[str, Any]) -> str:
    benchmarks = list(dict.fromkeys(table["benchmark"] for table in content["tables"]))
    more = f" and {len(benchmarks) - 1} more" if len(benchmarks) > 1 else ""
    return f"{benchmarks[0]}{more}" if benchmarks else "no finished runs"


def _plain_tables(data: ReportData) -> list[dict[str, Any]]:
    """The summary for readers without script, and for those who search the page's text."""
    found = []
    tables = ["benchmark", "label_space", "backbone"]
    for (benchmark, label_space, backbone), part in data.sorted.groupby(tables, sort=False):
        titles, rows = short_table(part)
        where = f"{benchmark}, label space {label_space}, backbone {backbone}"
        found.append({"where": where, "titles": titles, "rows": rows})
    return found
