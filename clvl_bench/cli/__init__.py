"""The command line: `main` parses and calls, the other modules print one thing each."""
