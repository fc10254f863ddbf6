-- Chatter distribution: channels by the distinct viewers who wrote in them on a day, in powers of ten. Parameter: day.
SELECT
  CAST(floor(log10(viewers)) AS integer) AS power_of_ten,
  count(*) AS channels,
  min(viewers) AS fewest,
  max(viewers) AS most,
  sum(viewers) AS viewers
FROM channel_activity
WHERE day = ? AND viewers > 0
GROUP BY 1
ORDER BY 1
