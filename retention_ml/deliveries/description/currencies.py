"""Currencies: their ISO 4217 codes, the marks beside amounts, and how many digits follow the point."""

CODES = frozenset(
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD "
    "CAD CDF CHF CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS "
    "GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW "
    "KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN "
    "NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK "
    "SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS "
    "VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG ZWL".split()
)

_DOLLARS = "USD AUD BBD BMD BND BSD BZD CAD FJD GYD HKD JMD KYD LRD NAD NZD SBD SGD SRD TTD TWD XCD"
_PESOS = "ARS CLP COP CUP DOP MXN UYU"
_MARKS: dict[str, str] = {
    "$": f"{_DOLLARS} {_PESOS}", "US$": "USD", "A$": "AUD", "AU$": "AUD", "C$": "CAD NIO", "CA$": "CAD",
    "HK$": "HKD", "MX$": "MXN", "NT$": "TWD", "NZ$": "NZD", "R$": "BRL", "S$": "SGD",
    "€": "EUR", "£": "GBP EGP FKP GIP LBP SHP SYP", "¥": "JPY CNY", "￥": "JPY CNY", "円": "JPY",
    "元": "CNY", "RMB": "CNY", "₩": "KRW", "₹": "INR", "RS": "INR LKR MUR NPR PKR", "₽": "RUB",
    "РУБ": "RUB", "Р": "RUB", "₴": "UAH", "ГРН": "UAH", "₺": "TRY", "TL": "TRY", "₪": "ILS",
    "₫": "VND", "Đ": "VND", "฿": "THB", "₱": "PHP", "₦": "NGN", "₡": "CRC", "₸": "KZT", "₾": "GEL",
    "KR": "SEK NOK DKK ISK", "ZŁ": "PLN", "KČ": "CZK", "FT": "HUF", "LEI": "RON", "ЛВ": "BGN",
    "FR": "CHF", "SFR": "CHF", "R": "ZAR", "RM": "MYR", "RP": "IDR", "DH": "MAD AED",
}  # fmt: skip

MARKS: dict[str, frozenset[str]] = {
    mark: frozenset(codes.split()) for mark, codes in _MARKS.items()
}
"""What may stand beside an amount (upper case, without a point), and the currencies it may mean."""

_DIGITS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
}


def minor_units(currency: str) -> int:
    """How many of its smallest units one unit of a currency has.

    >>> minor_units("EUR"), minor_units("JPY"), minor_units("KWD")
    (100, 1, 1000)
    """
    return int(10 ** _DIGITS.get(currency, 2))
