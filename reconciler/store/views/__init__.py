"""Read-only summaries of the ledger: `status` for the terminal, `dashboard` for the page and the metrics."""
