"""What models of effects read of customers, and where their files lie.

features  features of a day and own answers, as they were known then
bandit    what a bandit reads: money, tiers and a few of them
bundles   the models of a policy, kept by digest
"""
