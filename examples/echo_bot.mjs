// Answers what members say in rooms such as bot://1. NATS_URL says where NATS is.
import { connect } from '@nats-io/transport-node';

const nc = await connect({ servers: process.env.NATS_URL ?? 'nats://127.0.0.1:4222' });
for await (const msg of nc.subscribe('goim.room.bot.*.kept.*', { queue: 'echo' })) {
  if (!msg.headers?.has('Goim-From')) continue; // not from a member: a bot's, so no loop
  nc.publish(msg.subject.replace('goim.', 'goim.push.').replace('.kept.', '.'), `echo: ${msg.string()}`);
}
