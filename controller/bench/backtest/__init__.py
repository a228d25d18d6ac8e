"""Is a backtest fast enough? Rollouts that were watched for a day are decided again, and beside that the bare fold."""
