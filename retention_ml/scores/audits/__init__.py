"""The audits of a snapshot before readers see it: what is counted, and what must hold."""
