"""The Count tab: a sample is begun, read field by field, filled in, judged and signed."""
