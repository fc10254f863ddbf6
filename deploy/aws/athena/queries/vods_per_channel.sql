-- VODs per channel: how many there are, and how much of them was collected.
SELECT
  channel,
  count(DISTINCT content_id) AS vods,
  count(*) AS minutes_with_chat,
  sum(viewer_count) AS viewer_minutes
FROM presence_vod
GROUP BY channel
ORDER BY vods DESC, channel
