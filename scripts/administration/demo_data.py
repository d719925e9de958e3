"""Made-up users, broadcasts and short videos. Its number and the number of users determine a row."""

import random
from datetime import datetime, timedelta

from conf.settings import Cos
from scripts.administration.command import app_password
from services.seeding import NewAccount, NewReplay, NewVideo

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
_MAX_AGE_DAYS = 60


def user(number: int, cos: Cos) -> NewAccount:
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
    )


def broadcast(number: int, users: int, now: datetime, cos: Cos) -> NewReplay:
    """A replay of one of the users."""
    chance = random.Random(f"broadcast {number}")  # noqa: S311 - not for secrets
    userid, file_id = _userid(chance.randint(1, users)), f"52858908{number:011}"
    end = _moment(chance, now)
    viewers = int(chance.paretovariate(1.2) * 10)
    return NewReplay(
        userid,
        file_id,
        f"{chance.choice(_TIMES)}{chance.choice(_SUBJECTS)}",
        chance.choice(_PLACES),
        _image(cos, "cover", userid),
        _video(cos, file_id),
        viewers * chance.randint(0, 5),
        viewers,
        end - timedelta(minutes=chance.randint(5, 180)),
        end,
    )


def video(number: int, users: int, now: datetime, cos: Cos) -> NewVideo:
    """A short video of one of the users."""
    chance = random.Random(f"video {number}")  # noqa: S311 - not for secrets
    userid, file_id = _userid(chance.randint(1, users)), f"52858909{number:011}"
    title, place = chance.choice(_VIDEO_TITLES), chance.choice(_PLACES)
    return NewVideo(
        userid, file_id, title, place, _image(cos, "cover", userid), _video(cos, file_id), _moment(chance, now)
    )


def _userid(number: int) -> str:
    return f"demo{number:05}"


def _moment(chance: random.Random, now: datetime) -> datetime:
    return (now - timedelta(days=_MAX_AGE_DAYS * chance.random())).replace(microsecond=0)


def _image(cos: Cos, kind: str, userid: str) -> str:
    return f"https://{cos.bucket}.cos.{cos.region}.myqcloud.com/demo/{kind}/{userid}.png"


def _video(cos: Cos, file_id: str) -> str:
    return f"https://{cos.appid}.vod2.myqcloud.com/demo/{file_id}/f0.mp4"
