-- Tables of the lake for Athena, where Terraform did not make them. Written by tables.py; do not edit.
-- Put your lake in place of s3://LAKE/, such as s3://bucket/lake/.

CREATE DATABASE IF NOT EXISTS `vieweratlas`;

CREATE EXTERNAL TABLE IF NOT EXISTS `vieweratlas`.`presence_live` (
  `platform` string COMMENT 'always ’twitch’',
  `source` string COMMENT '’live’ or ’vod’',
  `channel` string COMMENT 'Twitch login of the channel, lowercase',
  `channel_id` string COMMENT 'Twitch’s user id of the channel',
  `content_id` string COMMENT '’vod:<id>’ or ’live:<stream_id>’',
  `bucket_len_s` int COMMENT 'length of the bucket in seconds, 60',
  `offset_s` int COMMENT 'seconds into the VOD at which the bucket starts',
  `bucket_start` timestamp COMMENT 'start of the bucket; VOD: created_at + offset',
  `chatters` array<string> COMMENT 'distinct lowercase logins, sorted',
  `viewer_count` int COMMENT 'number of chatters',
  `timestamp` string COMMENT '’vod:<id>_offset_<s>’ for VOD, ISO-8601 for live',
  `game_name` string COMMENT 'game or category, as Twitch names it',
  `language` string COMMENT 'broadcast language, ISO 639-1 code or Twitch’s own',
  `title` string COMMENT 'title of the broadcast',
  `started_at` timestamp COMMENT 'start of the broadcast'
)
COMMENT 'Who wrote in a channel’s chat in one 60 s bucket; live chat and VOD chat replay alike.'
PARTITIONED BY (`day` string)
STORED AS PARQUET
LOCATION 's3://LAKE/curated/presence_snapshots/source=live/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.day.type' = 'date',
  'projection.day.format' = 'yyyy-MM-dd',
  'projection.day.range' = '2018-01-01,NOW',
  'projection.day.interval' = '1',
  'projection.day.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://LAKE/curated/presence_snapshots/source=live/date=${day}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `vieweratlas`.`presence_vod` (
  `platform` string COMMENT 'always ’twitch’',
  `source` string COMMENT '’live’ or ’vod’',
  `channel` string COMMENT 'Twitch login of the channel, lowercase',
  `channel_id` string COMMENT 'Twitch’s user id of the channel',
  `content_id` string COMMENT '’vod:<id>’ or ’live:<stream_id>’',
  `bucket_len_s` int COMMENT 'length of the bucket in seconds, 60',
  `offset_s` int COMMENT 'seconds into the VOD at which the bucket starts',
  `bucket_start` timestamp COMMENT 'start of the bucket; VOD: created_at + offset',
  `chatters` array<string> COMMENT 'distinct lowercase logins, sorted',
  `viewer_count` int COMMENT 'number of chatters',
  `timestamp` string COMMENT '’vod:<id>_offset_<s>’ for VOD, ISO-8601 for live',
  `game_name` string COMMENT 'game or category, as Twitch names it',
  `language` string COMMENT 'broadcast language, ISO 639-1 code or Twitch’s own',
  `title` string COMMENT 'title of the broadcast',
  `started_at` timestamp COMMENT 'start of the broadcast'
)
COMMENT 'Who wrote in a channel’s chat in one 60 s bucket; live chat and VOD chat replay alike.'
STORED AS PARQUET
LOCATION 's3://LAKE/curated/presence_snapshots/source=vod/';

CREATE EXTERNAL TABLE IF NOT EXISTS `vieweratlas`.`channel_roster` (
  `channel` string COMMENT 'Twitch login of the channel, lowercase',
  `channel_id` string COMMENT 'Twitch’s user id of the channel',
  `stream_id` string COMMENT 'Twitch’s id of the broadcast',
  `observed_at` timestamp COMMENT 'when the broadcast was seen',
  `viewer_count` bigint COMMENT 'concurrent viewers that Twitch reports',
  `game_name` string COMMENT 'game or category, as Twitch names it',
  `language` string COMMENT 'broadcast language, ISO 639-1 code or Twitch’s own',
  `title` string COMMENT 'title of the broadcast',
  `tags` array<string> COMMENT 'tags the broadcaster chose',
  `started_at` timestamp COMMENT 'start of the broadcast',
  `display_name` string COMMENT 'name as the channel writes it, in any script; null = same as the login, or not known'
)
COMMENT 'Channels that were live in an hour, with what Twitch reports about their broadcasts.'
PARTITIONED BY (`day` string, `hour` int)
STORED AS PARQUET
LOCATION 's3://LAKE/curated/channel_roster/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.day.type' = 'date',
  'projection.day.format' = 'yyyy-MM-dd',
  'projection.day.range' = '2018-01-01,NOW',
  'projection.day.interval' = '1',
  'projection.day.interval.unit' = 'DAYS',
  'projection.hour.type' = 'integer',
  'projection.hour.range' = '0,23',
  'projection.hour.digits' = '2',
  'storage.location.template' = 's3://LAKE/curated/channel_roster/date=${day}/hour=${hour}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `vieweratlas`.`vod_catalog` (
  `channel` string COMMENT 'Twitch login of the channel, lowercase',
  `channel_id` string COMMENT 'Twitch’s user id of the channel',
  `vod_id` string COMMENT 'Twitch’s id of the video',
  `created_at` timestamp COMMENT 'start of the recording',
  `title` string COMMENT 'title of the broadcast',
  `language` string COMMENT 'broadcast language, ISO 639-1 code or Twitch’s own',
  `duration_s` bigint COMMENT 'length of the recording in seconds',
  `view_count` bigint COMMENT 'views that Twitch reports',
  `stream_id` string COMMENT 'Twitch’s id of the broadcast'
)
COMMENT 'Archives of past broadcasts that were created on a day.'
PARTITIONED BY (`day` string)
STORED AS PARQUET
LOCATION 's3://LAKE/curated/vod_catalog/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.day.type' = 'date',
  'projection.day.format' = 'yyyy-MM-dd',
  'projection.day.range' = '2018-01-01,NOW',
  'projection.day.interval' = '1',
  'projection.day.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://LAKE/curated/vod_catalog/date=${day}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `vieweratlas`.`channel_audience` (
  `channel` string COMMENT 'Twitch login of the channel, lowercase',
  `viewer` string COMMENT 'login or pseudonym of someone who wrote in the channel’s chat',
  `buckets` int COMMENT 'distinct 60 s buckets in which the viewer wrote',
  `sources` string COMMENT '’live’, ’vod’ or ’live+vod’',
  `first_seen` timestamp COMMENT 'start of the first bucket whose time is known',
  `last_seen` timestamp COMMENT 'start of the last bucket whose time is known'
)
COMMENT 'Distinct (channel, viewer) pairs of a day, after the filters.'
PARTITIONED BY (`day` string)
STORED AS PARQUET
LOCATION 's3://LAKE/curated/channel_audience/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.day.type' = 'date',
  'projection.day.format' = 'yyyy-MM-dd',
  'projection.day.range' = '2018-01-01,NOW',
  'projection.day.interval' = '1',
  'projection.day.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://LAKE/curated/channel_audience/date=${day}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `vieweratlas`.`channel_activity` (
  `channel` string COMMENT 'Twitch login of the channel, lowercase',
  `channel_id` string COMMENT 'Twitch’s user id of the channel',
  `viewers` bigint COMMENT 'distinct viewers after the filters',
  `viewer_minutes` bigint COMMENT 'minutes in which viewers wrote, summed over viewers',
  `snapshots` bigint COMMENT 'presence rows read',
  `game_name` string COMMENT 'game or category, as Twitch names it',
  `language` string COMMENT 'broadcast language, ISO 639-1 code or Twitch’s own',
  `display_name` string COMMENT 'name as the channel writes it, in any script; null = same as the login, or not known'
)
COMMENT 'Figures per channel for a day: one row for every channel with presence, even if nobody wrote.'
PARTITIONED BY (`day` string)
STORED AS PARQUET
LOCATION 's3://LAKE/curated/channel_activity/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.day.type' = 'date',
  'projection.day.format' = 'yyyy-MM-dd',
  'projection.day.range' = '2018-01-01,NOW',
  'projection.day.interval' = '1',
  'projection.day.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://LAKE/curated/channel_activity/date=${day}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `vieweratlas`.`graph_nodes` (
  `channel` string COMMENT 'Twitch login of the channel, lowercase',
  `viewers` bigint COMMENT 'distinct viewers in the window; null = not known',
  `viewer_minutes` bigint COMMENT 'minutes in which viewers wrote; null = not known',
  `game_name` string COMMENT 'game or category, as Twitch names it',
  `language` string COMMENT 'broadcast language, ISO 639-1 code or Twitch’s own',
  `display_name` string COMMENT 'name as the channel writes it, in any script; null = same as the login, or not known'
)
COMMENT 'Channels of the overlap graph over the trailing window.'
PARTITIONED BY (`day` string)
STORED AS PARQUET
LOCATION 's3://LAKE/curated/graph_nodes/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.day.type' = 'date',
  'projection.day.format' = 'yyyy-MM-dd',
  'projection.day.range' = '2018-01-01,NOW',
  'projection.day.interval' = '1',
  'projection.day.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://LAKE/curated/graph_nodes/date=${day}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `vieweratlas`.`graph_edges` (
  `channel_a` string COMMENT 'login that sorts first',
  `channel_b` string COMMENT 'login that sorts last',
  `shared_viewers` bigint COMMENT 'distinct viewers of both; null = not known',
  `jaccard` double COMMENT 'shared viewers / viewers of either channel',
  `overlap_coefficient` double COMMENT 'shared viewers / viewers of the smaller channel',
  `overlap_z` double COMMENT 'size-corrected overlap: standard deviations above the overlap of independent audiences'
)
COMMENT 'Pairs of channels and the viewers they share; channel_a < channel_b.'
PARTITIONED BY (`day` string)
STORED AS PARQUET
LOCATION 's3://LAKE/curated/graph_edges/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.day.type' = 'date',
  'projection.day.format' = 'yyyy-MM-dd',
  'projection.day.range' = '2018-01-01,NOW',
  'projection.day.interval' = '1',
  'projection.day.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://LAKE/curated/graph_edges/date=${day}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `vieweratlas`.`communities` (
  `channel` string COMMENT 'Twitch login of the channel, lowercase',
  `community` int COMMENT 'community, 0 = most channels; null = unclustered'
)
COMMENT 'The community of every channel of the overlap graph.'
PARTITIONED BY (`day` string)
STORED AS PARQUET
LOCATION 's3://LAKE/curated/communities/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.day.type' = 'date',
  'projection.day.format' = 'yyyy-MM-dd',
  'projection.day.range' = '2018-01-01,NOW',
  'projection.day.interval' = '1',
  'projection.day.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://LAKE/curated/communities/date=${day}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `vieweratlas`.`community_tags` (
  `community` int COMMENT 'community, 0 = most channels',
  `label` string COMMENT 'name of the community, unique within the day',
  `reason` string COMMENT 'the rule that named it, with its percentages',
  `channels` int COMMENT 'number of channels',
  `viewers` bigint COMMENT 'sum of the channels’ viewers, where known',
  `largest_channel` string COMMENT 'channel with the most viewers',
  `channels_known` int COMMENT 'channels whose game or language is known',
  `top_game` string COMMENT 'most frequent game',
  `top_game_share` double COMMENT 'its share of channels_known',
  `top_language` string COMMENT 'most frequent language, code',
  `top_language_share` double COMMENT 'its share of channels_known'
)
COMMENT 'What a community is about: its label, and the reason for the label.'
PARTITIONED BY (`day` string)
STORED AS PARQUET
LOCATION 's3://LAKE/curated/community_tags/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.day.type' = 'date',
  'projection.day.format' = 'yyyy-MM-dd',
  'projection.day.range' = '2018-01-01,NOW',
  'projection.day.interval' = '1',
  'projection.day.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://LAKE/curated/community_tags/date=${day}/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS `vieweratlas`.`community_history` (
  `community` int COMMENT 'community of the day, 0 = most channels',
  `community_id` bigint COMMENT 'number that the community keeps while it exists, from 1',
  `name` string COMMENT 'name, unique within the day; kept while the community exists',
  `colour` int COMMENT 'index of its color in the palette, 0 to 11; kept while the community exists',
  `since` date COMMENT 'first day on which it was detected',
  `label` string COMMENT 'label of the day; a new community takes it as its name',
  `label_days` int COMMENT 'consecutive days with this label',
  `similarity` double COMMENT 'weighted Jaccard index with the same community on the earlier day; null = new community'
)
COMMENT 'The identity of each community of the day: what it keeps from one day to the next.'
PARTITIONED BY (`day` string)
STORED AS PARQUET
LOCATION 's3://LAKE/curated/community_history/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.day.type' = 'date',
  'projection.day.format' = 'yyyy-MM-dd',
  'projection.day.range' = '2018-01-01,NOW',
  'projection.day.interval' = '1',
  'projection.day.interval.unit' = 'DAYS',
  'storage.location.template' = 's3://LAKE/curated/community_history/date=${day}/'
);
