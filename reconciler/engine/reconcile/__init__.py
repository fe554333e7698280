"""The pass, one module per step, in the order of `run_pass`: scan, plan, preflight, record, apply, settle, alert."""
