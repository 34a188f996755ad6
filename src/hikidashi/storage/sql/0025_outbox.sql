-- Every write paid for an index of the outbox by item, which is asked only when there are more
-- events than are taken at once. Then the outbox is gone over.
DROP INDEX outbox_by_item;
