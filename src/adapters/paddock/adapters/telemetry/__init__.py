"""What the fleet tells those who watch it: decisions as log lines, and the metrics that are counted from them."""
