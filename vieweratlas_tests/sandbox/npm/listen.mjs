// Listens to channels with an independent client, and prints a JSON object per event.
//
//   node listen.mjs CLIENT WEBSOCKET_PORT TCP_PORT CHANNEL...
import { ChatClient as DankClient } from "@mastondzn/dank-twitch-irc";
import { ChatClient as TwurpleClient } from "@twurple/chat";
import tmi from "tmi.js";

const [name, webSocketPort, tcpPort, ...channels] = process.argv.slice(2);
const print = (event) => process.stdout.write(JSON.stringify(event) + "\n");
const bare = (channel) => channel.replace(/^#/, "");

const clients = {
  async tmi() {
    const client = new tmi.Client({
      connection: { server: "127.0.0.1", port: Number(webSocketPort), secure: false, reconnect: true, reconnectInterval: 200 },
      logger: { info() {}, warn() {}, error() {}, setLevel() {} },
      channels,
    });
    client.on("connected", () => print({ event: "connected" }));
    client.on("join", (channel, login, self) => self && print({ event: "joined", channel: bare(channel) }));
    client.on("message", (channel, tags) =>
      print({
        event: "message",
        channel: bare(channel),
        login: tags.username,
        id: tags.id,
        sent_ms: Number(tags["tmi-sent-ts"]),
        room_id: tags["room-id"],
        badges: Object.keys(tags.badges ?? {}),
      }),
    );
    await client.connect();
  },
  async twurple() {
    const client = new TwurpleClient({ hostName: "127.0.0.1", webSocket: false, ssl: false, channels, rejoinChannelsOnReconnect: true, logger: { minLevel: "critical" } });
    client.onConnect(() => print({ event: "connected" }));
    client.onJoin((channel) => print({ event: "joined", channel: bare(channel) }));
    client.onMessage((channel, login, text, message) =>
      print({
        event: "message",
        channel: bare(channel),
        login,
        id: message.id,
        sent_ms: message.date.getTime(),
        room_id: message.channelId,
        badges: [...message.userInfo.badges.keys()],
      }),
    );
    client.connect();
  },
  async dank() {
    const client = new DankClient({ connection: { type: "tcp", secure: false, host: "127.0.0.1", port: Number(tcpPort) } });
    client.on("ready", () => print({ event: "connected" }));
    client.on("JOIN", (message) => print({ event: "joined", channel: message.channelName }));
    client.on("PRIVMSG", (message) =>
      print({
        event: "message",
        channel: message.channelName,
        login: message.senderUsername,
        id: message.messageID,
        sent_ms: Number(message.serverTimestampRaw),
        room_id: message.channelID,
        badges: message.badges.map((badge) => badge.name),
      }),
    );
    client.on("error", () => {});
    await client.connect();
    await client.joinAll(channels);
  },
};

process.stdin.on("end", () => process.exit(0)).resume();
await clients[name]();
