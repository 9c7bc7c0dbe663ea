"""What a policy would have earned, from decisions that another policy made by lot.

Every decision was drawn from logged probabilities, so those that agree with the policy in question
stand for those that do not. That is true only if the logged probabilities are the real ones:
`balance` draws the actions again by them and compares, before `evaluate_policy` estimates anything.
The mean of an outcome model alone (the direct method) is not offered: where the log is adaptive,
its error is not in its interval.
"""
