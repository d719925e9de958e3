"""Made-up users, broadcasts and short videos. Every run makes the same ones, but for their times."""

import random
from datetime import datetime, timedelta

from conf.settings import Cos
from scripts.administration.command import app_password
from services.seeding import File, NewAccount, NewBroadcast, NewVideo, Room

PASSWORD = "xiaozhibo"  # noqa: S105 - everybody may know it
"""What the user types into the app."""


def _words(text: str) -> list[str]:
    return text.split()


_ADJECTIVES = _words("快乐的 安静的 勇敢的 爱笑的 爱吃的 早起的 温柔的 迷路的 认真的 自由的 可爱的 幸运的")
_NOUNS = _words("小明 橘猫 老王 星星 柠檬 熊猫 旅人 阿杰 小雨 吉他手 豆豆 海豚 松鼠 面包 月亮 小鱼")
_PLACES = _words(
    "广东省深圳市南山区 广东省广州市天河区 北京市朝阳区 上海市徐汇区 浙江省杭州市西湖区 "
    "四川省成都市锦江区 湖北省武汉市武昌区 江苏省南京市鼓楼区 陕西省西安市雁塔区 重庆市渝中区 "
    "福建省厦门市思明区 云南省大理市"
)
_TIMES = _words("周末 深夜 午后 清晨 下班后 雨天 节日")
_SUBJECTS = _words("弹唱 探店 做饭 打游戏 聊天 画画 健身 钓鱼 看球 读书 写代码 逛夜市 学英语 养花")
_VIDEO_TITLES = _words(
    "我家的猫又闯祸了 今天的晚霞太美了 三分钟学会红烧肉 第一次滑雪 城市里的日出 这家面馆一定要来 "
    "周末去爬山 旧吉他新弦 雨后的老街 宿舍神曲翻唱 外婆的拿手菜 一个人的骑行 地铁上的小确幸 "
    "海边捡贝壳"
)
_OTHER_FORMATS = {"hls": 0.7, "flv": 0.2}  # the share of broadcasts that have them, besides mp4
_IDS = {"mp4": "52858908", "short": "52858909", "hls": "52858910", "flv": "52858911"}  # the first digits of file_ids
_FILE_NAMES = {"mp4": "f0.mp4", "short": "f0.mp4", "hls": "playlist.m3u8", "flv": "f0.flv"}
_DAYS = 60
_STEP = 37  # has no common divisor with _DAYS


def user(number: int, now: datetime, cos: Cos) -> NewAccount:
    """A user. The password is stored as the app sends it: the first login replaces it by its hash.

    One hash for all does not work, since the app mixes the userid into the password.
    """
    chance = random.Random(f"user {number}")  # noqa: S311 - not for secrets
    userid = _userid(number)
    return NewAccount(
        userid,
        app_password(userid, PASSWORD),
        chance.choice(_ADJECTIVES) + chance.choice(_NOUNS),
        _image(cos, "avatar", userid),
        chance.choice((0, 1, 1, 0, -1)),
        _image(cos, "cover", userid),
        now,
    )


def broadcast(number: int, users: int, now: datetime, cos: Cos) -> NewBroadcast:
    """A broadcast of one of the users."""
    userid, index, ids = _owner(number, users)
    chance = random.Random(f"broadcast {userid} {index}")  # noqa: S311 - not for secrets
    end = _moment(chance, userid, index, now)
    start = end - timedelta(minutes=chance.randint(5, 180))
    formats = ["mp4", *(name for name, share in _OTHER_FORMATS.items() if chance.random() < share)]
    viewers = int(chance.paretovariate(1.2) * 10)
    title = f"{chance.choice(_TIMES)}{chance.choice(_SUBJECTS)}"
    return NewBroadcast(
        userid,
        Room(title, chance.choice(_PLACES), _image(cos, "cover", userid)),
        viewers * chance.randint(0, 5),
        viewers,
        [File(f"{_IDS[name]}{ids}", f"{_IDS['mp4']}{ids}", name, _url(cos, name, ids), start, end) for name in formats],
    )


def video(number: int, users: int, now: datetime, cos: Cos) -> NewVideo:
    """A short video of one of the users."""
    userid, index, ids = _owner(number, users)
    chance = random.Random(f"video {userid} {index}")  # noqa: S311 - not for secrets
    title, place = chance.choice(_VIDEO_TITLES), chance.choice(_PLACES)
    cover, url = _image(cos, "cover", userid), _url(cos, "short", ids)
    return NewVideo(userid, f"{_IDS['short']}{ids}", title, place, cover, url, _moment(chance, userid, index, now))


def _owner(number: int, users: int) -> tuple[str, int, str]:
    """The user of a row, its index among the rows of the user, and the digits that name both.

    The users take turns. So a run with other numbers makes no row of a user that differs from the one that is there.
    """
    index, user_index = divmod(number - 1, users)
    return _userid(user_index + 1), index, f"{user_index + 1:05}{index:06}"


def _userid(number: int) -> str:
    return f"demo{number:05}"


def _moment(chance: random.Random, userid: str, index: int, now: datetime) -> datetime:
    """The time of a user's row: each of the first 60 has a day of its own, so that broadcasts do not overlap."""
    first = random.Random(f"days {userid}").randrange(_DAYS)  # noqa: S311 - not for secrets
    age = timedelta(days=(first + index * _STEP) % _DAYS, hours=chance.uniform(0, 20))
    return (now - age).replace(microsecond=0)


def _image(cos: Cos, kind: str, userid: str) -> str:
    return f"https://{cos.bucket}.cos.{cos.region}.myqcloud.com/demo/{kind}/{userid}.png"


def _url(cos: Cos, kind: str, ids: str) -> str:
    return f"https://{cos.appid}.vod2.myqcloud.com/demo/{_IDS[kind]}{ids}/{_FILE_NAMES[kind]}"
