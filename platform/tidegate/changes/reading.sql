-- Published partitions of a product that are made of one of these contents.
--
-- the_partitions  (partition): those that are published
-- made_of         (thing, kind, subject, begins_before, end_months, end_days, only_newest): what a partition reads
-- changed         (kind, subject, day): the contents
with

published as ({{ the_partitions }}),

made_of as ({{ made_of }}),

changed as ({{ changed }})

select distinct p.partition
from published as p
join made_of as m on m.begins_before is not null
join changed as c
    on
        m.kind = c.kind
        and m.subject = c.subject
        and c.day >= p.partition - m.begins_before
        and c.day < p.partition + to_months(m.end_months) + to_days(m.end_days)
order by p.partition
