// All interfaces with the generated TypeScript types: `node example.ts http://127.0.0.1:8000`.
import { createHash, randomBytes } from "node:crypto";
import createClient from "openapi-fetch";
import type { paths } from "./api.ts";

type Envelope = { code: number; message: string };
type Accepted<Answer> = Extract<Answer, { code: 200 }>;

/** The answer, if the server has accepted the request. Its HTTP status is 200 for a refusal, too. */
async function accepted<Answer extends Envelope>(
  request: Promise<{ data?: Answer; error?: Envelope }>,
): Promise<Accepted<Answer>> {
  const { data, error } = await request;
  const answer = data ?? error;
  if (answer?.code !== 200) throw new Error(`${answer?.code}: ${answer?.message}`);
  return answer as Accepted<Answer>;
}

const md5 = (text: string) => createHash("md5").update(text).digest("hex");
/** The password as the apps send it. */
const appPassword = (password: string, userid: string) => md5(md5(password) + userid);
/** A client with a session. */
const withToken = (token: string) => createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

const baseUrl = process.argv[2];
const client = createClient<paths>({ baseUrl });
const userid = `ts-${randomBytes(4).toString("hex")}`;
const password = appPassword("secret", userid);

await accepted(client.POST("/register", { body: { userid, password } }));
const again = await client.POST("/register", { body: { userid, password } });
console.log("again:", again.data?.code, again.data?.message);

const login = await accepted(client.POST("/login", { body: { userid, password } }));
const { refresh_token } = login.data;
const session = await accepted(client.POST("/refresh", { body: { userid, refresh_token } }));

const user = withToken(session.data.token);
await accepted(user.POST("/upload_user_info", { body: { nickname: "小明", sex: 1 } }));
const profile = await accepted(user.POST("/get_user_info", { body: {} }));
console.log("profile:", profile.data.nickname, profile.data.sex);

await accepted(user.POST("/upload_room", { body: { title: "周末直播" } }));
const replays = await accepted(user.POST("/get_vod_list", { body: { count: 10 } }));
console.log("replays:", replays.data.list.length);
const noReplay = await user.POST("/delete_vod", { body: { file_id: "5285890800000000002" } });
console.log("no replay:", noReplay.data?.code, noReplay.data?.message);

const video = { file_id: "5285890800000000001", title: "猫", play_url: "https://example.com/cat.mp4" };
await accepted(user.POST("/upload_ugc", { body: video }));
const videos = await accepted(user.POST("/get_ugc_list", { body: {} }));
console.log("newest video:", videos.data.list[0]?.nickname, videos.data.list[0]?.title);
await accepted(user.POST("/delete_ugc", { body: { file_id: video.file_id } }));

const signatures = await Promise.all([
  accepted(user.POST("/get_roomservice_sign", { body: {} })),
  accepted(user.POST("/get_vod_sign", { body: {} })),
  accepted(user.POST("/get_cos_sign", { body: {} })),
]);
console.log("signatures:", signatures.length);

const another = appPassword("another secret", userid);
const changed = await accepted(user.POST("/change_password", { body: { old_password: password, password: another } }));
await accepted(withToken(changed.data.token).POST("/delete_account", { body: { password: another } }));
console.log("deleted");
