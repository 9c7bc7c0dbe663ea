"""What may be done for a customer (`actions/<name>.toml`), and how it reads.

action          one action: channel, cost, rule
catalogue       all of them, as rows and back
loading         read from the folder, every mistake refused; last_good: the one before while there is one
variables       what a template may say about a customer
language        the templates: what may stand in them, and that it is checked when read
message         a message as it is sent, and as a sample shows it
coupons         pools of codes, each given once
cost            what contacts cost beside the revenue that followed
products        what is recommended while there is no recommender
"""
