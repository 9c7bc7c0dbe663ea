"""The audit log: who opened customers' numbers or changed what is known of people."""
