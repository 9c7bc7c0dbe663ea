"""Ways out of the house: mail, requests to a webhook, files for a CRM."""
