"""From marks to a result of a sample: which marks count, of what area, with which unit, errors and verdict.

Pure: no files and no database. A protocol says how; the marks of fields say what; `results` puts them together.
"""
