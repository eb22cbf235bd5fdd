"""The nine category files of the old image repository: in as v2 records, and out byte for byte."""
