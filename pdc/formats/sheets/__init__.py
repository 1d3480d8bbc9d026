"""The sheet of a sample goes out: a page as HTML and PDF, tables as CSV and XLSX, FHIR Observations, and JSON."""
