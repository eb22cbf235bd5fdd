"""The text models' files, models.csv and what is made from it: in as v2 records, and out byte for byte."""
