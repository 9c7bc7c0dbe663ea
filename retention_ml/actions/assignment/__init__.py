"""Who gets which action on a day: one action each at most, within the budget, with its probability.

history       contacts that count against another contact
population    the day's customers and what is known of them
eligibility   which actions each may get, and the first reason for those who may get none
rule          what an action is expected to bring by value at risk and save rate
expectation   the same by the policy in force: by rule, on average, or by models of the effect
experiment_lots  whose action an open experiment draws
exploration   whose action is drawn by lot, within the limits
budget        whose action is chosen: the price of money
decision      all of it: arrays in, one action and its propensities for each customer out
lots          the salts of a day's draws
policies      which policy decides on a day
records       the decision as rows
audits        what must hold before a day is kept
inputs        all that a day is decided with, and the decision
assign        the door
"""
