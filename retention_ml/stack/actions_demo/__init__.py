"""The demonstration of actions: three decision days of a grocer, with a mail server and a CRM."""
