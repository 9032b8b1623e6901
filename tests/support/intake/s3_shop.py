"""The shop of `intake_shop` with its landing, its archive or both in S3."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tests.support.intake.shop import DAY, Shop, csv, row
from tests.support.s3_server import Bucket

from tidegate.intake.load import DeliveryReport
from tidegate.sources.origin import Landing, Outside
from tidegate.sources.places import origin_of
from tidegate.window import Window


@dataclass
class S3Shop:
    """Delivers `north` of the shop's sales into a bucket, for `day` unless another is named."""

    shop: Shop
    bucket: Bucket
    day: dt.date = DAY

    def in_s3(self, *, landing: bool = True, archive: bool = True) -> Outside:
        """Move the shop there."""
        places = self.shop.outside
        self.shop.outside = replace(
            places,
            landing=f"{self.bucket.url}/landing" if landing else places.landing,
            archive=f"{self.bucket.url}/archive" if archive else places.archive,
            s3_client=lambda: self.bucket.client,
        )
        return self.shop.outside

    @property
    def origin(self) -> Landing:
        origin = origin_of(self.shop.contract, self.shop.contract.region("north"), self.shop.outside)
        assert isinstance(origin, Landing)
        return origin

    def key(self, name: str = "sales.csv", day: dt.date | None = None) -> str:
        return f"landing/sales/north/{day or self.day}/{name}"

    def deliver(
        self, files: Mapping[str, bytes] | None = None, day: dt.date | None = None, complete: bool = True
    ) -> None:
        for name, content in (files or {"sales.csv": csv(row(1))}).items():
            self.bucket.put(self.key(name, day), content)
        if complete:
            self.bucket.put(self.key("_SUCCESS", day), b"")

    def purge(self) -> None:
        """Empty the bucket's landing."""
        for key in self.bucket.keys("landing/"):
            self.bucket.delete(key)

    def load(self, from_landing: bool = False) -> DeliveryReport:
        window = Window.of_day(self.day)
        return self.shop.load(window, regions=["north"], from_landing=from_landing)["north"]
