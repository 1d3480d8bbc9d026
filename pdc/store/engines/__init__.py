"""What a kind of database needs beside the tables."""
