-- Live and VOD overlap: of each channel's viewers on a day, who was seen in live chat, in VODs, in both. Parameter: day.
SELECT
  channel,
  count(*) AS viewers,
  count_if(sources = 'live') AS only_live,
  count_if(sources = 'vod') AS only_vod,
  count_if(sources = 'live+vod') AS both_sources
FROM channel_audience
WHERE day = ?
GROUP BY channel
ORDER BY viewers DESC, channel
