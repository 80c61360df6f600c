"""The use-cases of money: the daily report, a look at the ledger, AWS's bill beside it, prices kept for launches."""
