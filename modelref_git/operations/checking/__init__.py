"""What checks share: rules weighed by the dataset, their findings with places, and what is read to find them."""
