"""The pages: what people see of a dataset and its queue, as HTML; for the service and for a static site."""
