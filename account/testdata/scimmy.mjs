// A SCIM service with accounts in memory, by a library that others build theirs with.
// The first line of its output is its port.
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const accounts = new Map();
let last = 0;

SCIMMY.Resources.declare(SCIMMY.Resources.User)
  .ingress(({ id }, data) => {
    if (id && !accounts.has(id)) throw new SCIMMY.Types.Error(404, null, "no such account");
    if (process.env.WANTS_PARTS && !(data.name?.givenName && data.name?.familyName)) {
      throw new SCIMMY.Types.Error(400, "invalidValue", "name.givenName and name.familyName are required");
    }
    for (const [other, { userName }] of accounts) { // names differ whatever their case
      if (other !== id && userName.toLowerCase() === data.userName.toLowerCase()) {
        throw new SCIMMY.Types.Error(409, "uniqueness", "the name is taken");
      }
    }
    const now = new Date().toISOString();
    const key = id ?? String(++last);
    const kept = { ...data, id: key, meta: { created: accounts.get(key)?.meta.created ?? now, lastModified: now } };
    accounts.set(key, kept);
    return kept;
  })
  .egress(({ id, filter }) => {
    if (id) {
      if (!accounts.has(id)) throw new SCIMMY.Types.Error(404, null, "no such account");
      return accounts.get(id);
    }
    const all = [...accounts.values()];
    return filter ? filter.match(all) : all;
  })
  .degress(({ id }) => {
    if (!accounts.delete(id)) throw new SCIMMY.Types.Error(404, null, "no such account");
  });

const app = express();
app.use("/scim", new SCIMMYRouters({
  type: "bearer",
  handler: (request) => {
    if (request.header("Authorization") !== `Bearer ${process.env.TOKEN}`) throw new Error("who are you?");
    return "usher";
  },
}));
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
