"""What leaves PDC beside the annotation files: names, the account of an export, and the table of counts."""
