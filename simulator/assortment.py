"""What the shop sells: kinds of goods with their prices, and the brands of each department."""

from typing import NamedTuple


class Kind(NamedTuple):
    """One category: its code, the median price, the share of products, and how much it is looked at."""

    code: str
    price: float
    share: float
    pull: float = 1.0


PHONES = "electronics.smartphone"
REFILED_AS = "construction.tools.light"
"""Where the real shop filed most phones from December 2019 on."""

KINDS: tuple[Kind, ...] = (
    Kind(PHONES, 320, 3, 8),
    Kind("electronics.audio.headphone", 60, 4, 2),
    Kind("electronics.video.tv", 400, 2, 3),
    Kind("electronics.clocks", 190, 6, 1.5),
    Kind("electronics.tablet", 240, 1),
    Kind("electronics.camera.photo", 620, 1),
    Kind("computers.notebook", 720, 3, 2),
    Kind("computers.desktop", 800, 2),
    Kind("computers.components.videocards", 360, 1),
    Kind("computers.components.cooler", 28, 1),
    Kind("computers.peripherals.mouse", 26, 2),
    Kind("computers.peripherals.keyboard", 45, 1),
    Kind("computers.peripherals.monitor", 220, 2),
    Kind("appliances.kitchen.refrigerators", 520, 3, 1.5),
    Kind("appliances.kitchen.washer", 330, 3, 2),
    Kind("appliances.kitchen.oven", 260, 2),
    Kind("appliances.kitchen.kettle", 24, 3),
    Kind("appliances.kitchen.blender", 46, 3),
    Kind("appliances.kitchen.meat_grinder", 80, 1),
    Kind("appliances.environment.vacuum", 130, 3, 1.5),
    Kind("appliances.environment.air_conditioner", 330, 1),
    Kind("appliances.personal.hair_cutter", 32, 2),
    Kind("appliances.iron", 38, 2),
    Kind("apparel.shoes", 62, 9, 0.8),
    Kind("apparel.shoes.keds", 55, 5, 0.6),
    Kind("apparel.costume", 34, 3, 0.5),
    Kind("apparel.shirt", 18, 3, 0.5),
    Kind("apparel.tshirt", 9, 3, 0.5),
    Kind("apparel.underwear", 6, 2, 0.5),
    Kind("furniture.living_room.sofa", 480, 3),
    Kind("furniture.living_room.cabinet", 160, 3),
    Kind("furniture.bedroom.bed", 240, 3),
    Kind("furniture.kitchen.table", 85, 2),
    Kind("kids.toys", 14, 5),
    Kind("kids.carriage", 180, 2),
    Kind("kids.dolls", 12, 2),
    Kind("sport.bicycle", 260, 1),
    Kind("sport.trainer", 310, 1),
    Kind("auto.accessories.player", 85, 2),
    Kind("auto.accessories.alarm", 70, 1),
    Kind("construction.tools.drill", 75, 2),
    Kind(REFILED_AS, 16, 1),
    Kind("country_yard.cultivator", 300, 1),
    Kind("stationery.cartrige", 8, 2),
    Kind("accessories.bag", 28, 4),
    Kind("accessories.umbrella", 7, 1),
    Kind("medicine.tools.tonometer", 40, 1),
)

BRANDS: dict[str, tuple[str, ...]] = {
    "electronics": ("samsung", "apple", "xiaomi", "huawei", "oppo", "sony", "lg", "nokia", "honor", "meizu"),
    "computers": ("acer", "asus", "hp", "lenovo", "apple", "dell", "msi", "logitech", "pulser", "gigabyte"),
    "appliances": (
        "samsung",
        "bosch",
        "lg",
        "indesit",
        "beko",
        "redmond",
        "artel",
        "atlant",
        "haier",
        "elenberg",
    ),
    "apparel": ("respect", "baden", "rooman", "nexpero", "salomon", "xiaomi", "sony", "cortland"),
    "furniture": ("brw", "sv", "zeta", "dauscher", "ikea", "askona"),
    "kids": ("lego", "hasbro", "alilo", "cam", "play-doh", "barbie"),
    "sport": ("stels", "starline", "torneo", "author"),
    "auto": ("pioneer", "alpine", "starline", "kenwood", "cordiant", "triangle"),
    "construction": ("bosch", "makita", "metabo", "karcher", "stihl"),
    "country_yard": ("karcher", "huter", "champion"),
    "stationery": ("erichkrause", "hp", "canon", "brother"),
    "accessories": ("samsonite", "zeta", "torber", "piquadro"),
    "medicine": ("omron", "microlife", "and"),
}
"""The most bought first."""
