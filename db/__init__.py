"""What happened: the records of one attempt and the ledger of all of them."""
