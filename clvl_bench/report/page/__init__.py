"""Page: a report as one file, `index.html`, that opens anywhere without network."""
