-- Actions have no least probability of their own: nothing decided by it.
ALTER TABLE actions.catalogue DROP COLUMN floor;
UPDATE actions.catalogues SET document = jsonb_set(document, '{actions}', (
    SELECT jsonb_object_agg(key, value - 'floor') FROM jsonb_each(document -> 'actions')
));
