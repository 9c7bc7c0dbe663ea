"""Who customers are: lifecycle stage, RFM, cadence, and how long they stay."""
