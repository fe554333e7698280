"""What `reconciler doctor` and the job `integrations` check."""
