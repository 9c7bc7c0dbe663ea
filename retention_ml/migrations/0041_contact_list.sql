-- The limits of a decision day, so that the list of contacts asks what the assignment asked.
ALTER TABLE actions.days
    ADD COLUMN window_days integer CHECK (window_days > 0),
    ADD COLUMN contacts_per_year_max integer CHECK (contacts_per_year_max >= 0),
    ADD COLUMN quiet_after_order_days integer CHECK (quiet_after_order_days >= 0);
COMMENT ON COLUMN actions.days.window_days IS 'days from a decision to the end of its outcome window, by the settings of the day; whom a lot drew rests as long; empty on days decided before it was kept';
COMMENT ON COLUMN actions.days.contacts_per_year_max IS 'contacts allowed within 365 days, by the settings of the day; likewise';
COMMENT ON COLUMN actions.days.quiet_after_order_days IS 'days without a contact after an order, by the settings of the day; likewise';

-- The contacts of one customer, and of all who are shown, are looked up by number.
CREATE INDEX campaign_contacts_customer ON curated.campaign_contacts (customer_id, event_at);
