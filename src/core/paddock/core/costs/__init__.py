"""Money: what an hour of a machine costs, what each machine cost and for whom, and what is told of a day. Pure."""
