-- Processing per day: presence rows of live chat by day, and of VODs by the day on which they were created.
SELECT
  day,
  sum(live_rows) AS live_rows,
  sum(vods) AS vods,
  sum(vod_rows) AS vod_rows
FROM (
  SELECT day, count(*) AS live_rows, 0 AS vods, 0 AS vod_rows
  FROM presence_live
  GROUP BY day
  UNION ALL
  SELECT c.day, 0 AS live_rows, count(DISTINCT p.content_id) AS vods, count(*) AS vod_rows
  FROM presence_vod AS p
  JOIN vod_catalog AS c ON p.content_id = concat('vod:', c.vod_id)
  GROUP BY c.day
) AS counted
GROUP BY day
ORDER BY day
