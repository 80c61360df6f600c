"""What watches a stack on AWS: a dashboard and alarms, as data for a template, and what CloudWatch makes of them."""
