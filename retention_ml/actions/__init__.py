"""From scores to contacts: who gets which action, how it is sent, and what came back."""
