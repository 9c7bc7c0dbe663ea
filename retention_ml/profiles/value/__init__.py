"""What customers will bring within a horizon: a process of buying and spending, and what was learnt."""
