-- Community sizes over time: channels and viewers of every community, by the name that it keeps.
SELECT
  h.day,
  h.community_id,
  h.name,
  t.channels,
  t.viewers,
  t.largest_channel
FROM community_history AS h
JOIN community_tags AS t ON h.day = t.day AND h.community = t.community
ORDER BY h.day, t.channels DESC, h.community_id
