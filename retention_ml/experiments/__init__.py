"""Whether an action helps: experiments planned, drawn, read and decided."""
