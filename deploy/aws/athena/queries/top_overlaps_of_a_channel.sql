-- Top overlaps of a channel: the channels that share the most viewers with it. Parameters: channel, day, channel.
SELECT
  CASE WHEN e.channel_a = ? THEN e.channel_b ELSE e.channel_a END AS other,
  e.shared_viewers,
  e.jaccard,
  e.overlap_coefficient,
  e.overlap_z
FROM graph_edges AS e
WHERE e.day = ? AND ? IN (e.channel_a, e.channel_b)
ORDER BY e.shared_viewers DESC, other
LIMIT 20
