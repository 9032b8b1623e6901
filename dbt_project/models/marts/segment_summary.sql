with

customers as (

    select * from {{ ref("customer_rfm") }}
    where {{ tidegate.in_window("as_of_date") }}

),

segments as (

    select
        as_of_date,
        segment,
        count(*) as customers,
        cast(sum(monetary) as decimal(38, 4)) as total_monetary,
        cast(sum(monetary) * 10000 as hugeint) as ten_thousandths,
        cast(sum(frequency) as bigint) as total_frequency,
        cast(sum(recency_days) as bigint) as total_recency_days,
        count(recency_days) as customers_with_recency
    from customers
    group by as_of_date, segment

),

totals as (

    select
        as_of_date,
        sum(ten_thousandths) as ten_thousandths
    from segments
    group by as_of_date

),

final as (

    select
        -- ids
        segments.as_of_date,
        segments.segment,

        -- measures
        segments.customers,
        segments.total_monetary,
        {{ tidegate.exact_ratio("segments.total_monetary", "segments.customers") }} as mean_monetary,
        {{ tidegate.exact_ratio("segments.total_frequency", "segments.customers") }} as mean_frequency,
        {{ tidegate.exact_ratio("segments.total_recency_days", "segments.customers_with_recency") }} as mean_recency_days,
        case
            when totals.ten_thousandths > 0
                then {{ tidegate.exact_ratio("100 * segments.ten_thousandths", "totals.ten_thousandths") }}
        end as revenue_share_percent
    from segments
    inner join totals
        on segments.as_of_date = totals.as_of_date

)

select * from final
