"""The use-cases of money: the daily report, a look at the ledger, and prices written down for launches."""
