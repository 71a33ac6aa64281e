// Units of measurement: convert_angle(), convert_energy(), … (query/convert-angle-function.md and its
// siblings). A unit that isn't known gives null.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "kql/functions/builder.h"

namespace spillway::kql {
namespace {

using Text = std::string_view;

/// A value in the unit times `factor`, plus `offset`, is one in the family's base unit.
struct Unit {
  Text name;
  double factor;
  double offset = 0;
};

// Angles in degrees. Tilt, the sine of an angle, is dealt with apart.
constexpr Text kTilt = "Tilt";
constexpr double kRadian = 180 / std::numbers::pi;
constexpr Unit kAngles[] = {
    {"Degree", 1},
    {"Arcminute", 1.0 / 60},
    {"Arcsecond", 1.0 / 3600},
    {"Centiradian", kRadian / 1e2},
    {"Deciradian", kRadian / 10},
    {"Gradian", 0.9},
    {"Microdegree", 1e-6},
    {"Microradian", kRadian / 1e6},
    {"Millidegree", 1e-3},
    {"Milliradian", kRadian / 1e3},
    {"Nanodegree", 1e-9},
    {"Nanoradian", kRadian / 1e9},
    {"NatoMil", 360.0 / 6400},
    {"Radian", kRadian},
    {"Revolution", 360},
    {kTilt, 0},
};

// Energies in joules.
constexpr double kBtu = 1055.05585262, kCalorie = 4.184, kElectronVolt = 1.602176634e-19, kHour = 3600,
                 kDay = 24 * kHour;
constexpr double kThermEc = 1.05505585262e8, kThermImperial = 1.05505585257348e8, kThermUs = 1.054804e8;
constexpr Unit kEnergies[] = {
    {"Joule", 1},
    {"BritishThermalUnit", kBtu},
    {"Calorie", kCalorie},
    {"DecathermEc", 10 * kThermEc},
    {"DecathermImperial", 10 * kThermImperial},
    {"DecathermUs", 10 * kThermUs},
    {"ElectronVolt", kElectronVolt},
    {"Erg", 1e-7},
    {"FootPound", 1.3558179483314004},
    {"GigabritishThermalUnit", kBtu * 1e9},
    {"GigaelectronVolt", kElectronVolt * 1e9},
    {"Gigajoule", 1e9},
    {"GigawattDay", kDay * 1e9},
    {"GigawattHour", kHour * 1e9},
    {"HorsepowerHour", 76.0402249 * 9.80665 * kHour},
    {"KilobritishThermalUnit", kBtu * 1e3},
    {"Kilocalorie", kCalorie * 1e3},
    {"KiloelectronVolt", kElectronVolt * 1e3},
    {"Kilojoule", 1e3},
    {"KilowattDay", kDay * 1e3},
    {"KilowattHour", kHour * 1e3},
    {"MegabritishThermalUnit", kBtu * 1e6},
    {"Megacalorie", kCalorie * 1e6},
    {"MegaelectronVolt", kElectronVolt * 1e6},
    {"Megajoule", 1e6},
    {"MegawattDay", kDay * 1e6},
    {"MegawattHour", kHour * 1e6},
    {"Millijoule", 1e-3},
    {"TeraelectronVolt", kElectronVolt * 1e12},
    {"TerawattDay", kDay * 1e12},
    {"TerawattHour", kHour * 1e12},
    {"ThermEc", kThermEc},
    {"ThermImperial", kThermImperial},
    {"ThermUs", kThermUs},
    {"WattDay", kDay},
    {"WattHour", kHour},
};

// Forces in newtons.
constexpr double kGravity = 9.80665, kPound = 0.45359237, kPoundForce = kPound * kGravity;
constexpr Unit kForces[] = {
    {"Newton", 1},
    {"Decanewton", 10},
    {"Dyn", 1e-5},
    {"KilogramForce", kGravity},
    {"Kilonewton", 1e3},
    {"KiloPond", kGravity},
    {"KilopoundForce", kPoundForce * 1e3},
    {"Meganewton", 1e6},
    {"Micronewton", 1e-6},
    {"Millinewton", 1e-3},
    {"OunceForce", kPoundForce / 16},
    {"Poundal", 0.138254954376},
    {"PoundForce", kPoundForce},
    {"ShortTonForce", kPoundForce * 2000},
    {"TonneForce", kGravity * 1e3},
};

// Lengths in metres.
constexpr double kFoot = 0.3048, kInch = 0.0254, kSurveyFoot = 1200.0 / 3937, kLightYear = 9.46073047258e15,
                 kParsec = 3.08567758128e16;
constexpr Unit kLengths[] = {
    {"Meter", 1},
    {"Angstrom", 1e-10},
    {"AstronomicalUnit", 1.495978707e11},
    {"Centimeter", 1e-2},
    {"Chain", 20.1168},
    {"DataMile", 1828.8},
    {"Decameter", 10},
    {"Decimeter", 0.1},
    {"DtpPica", kInch / 6},
    {"DtpPoint", kInch / 72},
    {"Fathom", 1.8288},
    {"Foot", kFoot},
    {"Hand", 0.1016},
    {"Hectometer", 100},
    {"Inch", kInch},
    {"KilolightYear", kLightYear * 1e3},
    {"Kilometer", 1e3},
    {"Kiloparsec", kParsec * 1e3},
    {"LightYear", kLightYear},
    {"MegalightYear", kLightYear * 1e6},
    {"Megaparsec", kParsec * 1e6},
    {"Microinch", kInch / 1e6},
    {"Micrometer", 1e-6},
    {"Mil", kInch / 1e3},
    {"Mile", 1609.344},
    {"Millimeter", 1e-3},
    {"Nanometer", 1e-9},
    {"NauticalMile", 1852},
    {"Parsec", kParsec},
    {"PrinterPica", kInch * 400 / 2409},
    {"PrinterPoint", kInch / 72.27},
    {"Shackle", 27.432},
    {"SolarRadius", 6.957e8},
    {"Twip", kInch / 1440},
    {"UsSurveyFoot", kSurveyFoot},
    {"Yard", 0.9144},
};

// Masses in kilograms.
constexpr Unit kMasses[] = {
    {"Kilogram", 1},
    {"Centigram", 1e-5},
    {"Decagram", 1e-2},
    {"Decigram", 1e-4},
    {"EarthMass", 5.9722e24},
    {"Grain", 64.79891e-6},
    {"Gram", 1e-3},
    {"Hectogram", 0.1},
    {"Kilopound", kPound * 1e3},
    {"Kilotonne", 1e6},
    {"LongHundredweight", 50.80234544},
    {"LongTon", 1016.0469088},
    {"Megapound", kPound * 1e6},
    {"Megatonne", 1e9},
    {"Microgram", 1e-9},
    {"Milligram", 1e-6},
    {"Nanogram", 1e-12},
    {"Ounce", kPound / 16},
    {"Pound", kPound},
    {"ShortHundredweight", kPound * 100},
    {"ShortTon", kPound * 2000},
    {"Slug", kPound* kGravity / kFoot},
    {"SolarMass", 1.98947e30},
    {"Stone", 6.35029318},
    {"Tonne", 1e3},
};

// Speeds in metres per second.
constexpr double kMinute = 60;
constexpr Unit kSpeeds[] = {
    {"MeterPerSecond", 1},
    {"CentimeterPerHour", 1e-2 / kHour},
    {"CentimeterPerMinute", 1e-2 / kMinute},
    {"CentimeterPerSecond", 1e-2},
    {"DecimeterPerMinute", 0.1 / kMinute},
    {"DecimeterPerSecond", 0.1},
    {"FootPerHour", kFoot / kHour},
    {"FootPerMinute", kFoot / kMinute},
    {"FootPerSecond", kFoot},
    {"InchPerHour", kInch / kHour},
    {"InchPerMinute", kInch / kMinute},
    {"InchPerSecond", kInch},
    {"KilometerPerHour", 1e3 / kHour},
    {"KilometerPerMinute", 1e3 / kMinute},
    {"KilometerPerSecond", 1e3},
    {"Knot", 1852 / kHour},
    {"MeterPerHour", 1 / kHour},
    {"MeterPerMinute", 1 / kMinute},
    {"MicrometerPerMinute", 1e-6 / kMinute},
    {"MicrometerPerSecond", 1e-6},
    {"MilePerHour", 0.44704},
    {"MillimeterPerHour", 1e-3 / kHour},
    {"MillimeterPerMinute", 1e-3 / kMinute},
    {"MillimeterPerSecond", 1e-3},
    {"NanometerPerMinute", 1e-9 / kMinute},
    {"NanometerPerSecond", 1e-9},
    {"UsSurveyFootPerHour", kSurveyFoot / kHour},
    {"UsSurveyFootPerMinute", kSurveyFoot / kMinute},
    {"UsSurveyFootPerSecond", kSurveyFoot},
    {"YardPerHour", 0.9144 / kHour},
    {"YardPerMinute", 0.9144 / kMinute},
    {"YardPerSecond", 0.9144},
};

// Temperatures in kelvins.
constexpr double kZeroCelsius = 273.15;
constexpr Unit kTemperatures[] = {
    {"Kelvin", 1},
    {"DegreeCelsius", 1, kZeroCelsius},
    {"DegreeDelisle", -2.0 / 3, 373.15},
    {"DegreeFahrenheit", 5.0 / 9, 459.67 * 5 / 9},
    {"DegreeNewton", 100.0 / 33, kZeroCelsius},
    {"DegreeRankine", 5.0 / 9},
    {"DegreeReaumur", 1.25, kZeroCelsius},
    {"DegreeRoemer", 40.0 / 21, kZeroCelsius - 7.5 * 40 / 21},
    {"MillidegreeCelsius", 1e-3, kZeroCelsius},
    {"SolarTemperature", 5778},
};

// Volumes in cubic metres.
constexpr double kLiter = 1e-3, kCubicFoot = 0.028316846592, kUsGallon = 0.003785411784,
                 kImperialGallon = 0.00454609;
constexpr Unit kVolumes[] = {
    {"CubicMeter", 1},
    {"AcreFoot", 1 / 0.000810714},  // as rounded in query/convert-volume-function.md
    {"AuTablespoon", 2e-5},
    {"BoardFoot", kCubicFoot / 12},
    {"Centiliter", kLiter / 1e2},
    {"CubicCentimeter", 1e-6},
    {"CubicDecimeter", 1e-3},
    {"CubicFoot", kCubicFoot},
    {"CubicHectometer", 1e6},
    {"CubicInch", 1.6387064e-5},
    {"CubicKilometer", 1e9},
    {"CubicMicrometer", 1e-18},
    {"CubicMile", 4.168181825440579584e9},
    {"CubicMillimeter", 1e-9},
    {"CubicYard", 0.764554857984},
    {"Decaliter", kLiter * 10},
    {"DecausGallon", kUsGallon * 10},
    {"Deciliter", kLiter / 10},
    {"DeciusGallon", kUsGallon / 10},
    {"HectocubicFoot", kCubicFoot * 100},
    {"HectocubicMeter", 100},
    {"Hectoliter", kLiter * 100},
    {"HectousGallon", kUsGallon * 100},
    {"ImperialBeerBarrel", kImperialGallon * 36},
    {"ImperialGallon", kImperialGallon},
    {"ImperialOunce", kImperialGallon / 160},
    {"ImperialPint", kImperialGallon / 8},
    {"KilocubicFoot", kCubicFoot * 1e3},
    {"KilocubicMeter", 1e3},
    {"KiloimperialGallon", kImperialGallon * 1e3},
    {"Kiloliter", kLiter * 1e3},
    {"KilousGallon", kUsGallon * 1e3},
    {"Liter", kLiter},
    {"MegacubicFoot", kCubicFoot * 1e6},
    {"MegaimperialGallon", kImperialGallon * 1e6},
    {"Megaliter", kLiter * 1e6},
    {"MegausGallon", kUsGallon * 1e6},
    {"MetricCup", 2.5e-4},
    {"MetricTeaspoon", 5e-6},
    {"Microliter", kLiter / 1e6},
    {"Milliliter", kLiter / 1e3},
    {"OilBarrel", kUsGallon * 42},
    {"UkTablespoon", 1.5e-5},
    {"UsBeerBarrel", kUsGallon * 31},
    {"UsCustomaryCup", kUsGallon / 16},
    {"UsGallon", kUsGallon},
    {"UsLegalCup", 2.4e-4},
    {"UsOunce", kUsGallon / 128},
    {"UsPint", kUsGallon / 8},
    {"UsQuart", kUsGallon / 4},
    {"UsTablespoon", kUsGallon / 256},
    {"UsTeaspoon", kUsGallon / 768},
};

template <size_t N>
const Unit* unit(const Unit (&units)[N], Text name) {
  const Unit* found = std::find_if(units, units + N, [&](const Unit& u) { return u.name == name; });
  return found == units + N ? nullptr : found;
}

double to_base(double value, const Unit& unit) {
  if (unit.name == kTilt) return std::asin(value) * kRadian;
  return value * unit.factor + unit.offset;
}
double from_base(double value, const Unit& unit) {
  if (unit.name == kTilt) return std::sin(value / kRadian);
  return (value - unit.offset) / unit.factor;
}

template <const auto& Units>
std::optional<double> convert(double value, Text from, Text to) {
  const Unit *source = unit(Units, from), *target = unit(Units, to);
  if (!source || !target) return std::nullopt;
  if (source == target) return value;
  return from_base(to_base(value, *source), *target);
}

template <const auto& Units>
void declare(FunctionTableBuilder& table, const std::string& what) {
  using enum Type;
  table.scalar("convert_" + what)
      .doc("A value of one unit of " + what + " in another; null where there is no such unit.")
      .takes({Real, String, String}, Real, native<&convert<Units>>());
}

}  // namespace

void declare_units(FunctionTableBuilder& table) {
  table.category("unit conversion");
  declare<kAngles>(table, "angle");
  declare<kEnergies>(table, "energy");
  declare<kForces>(table, "force");
  declare<kLengths>(table, "length");
  declare<kMasses>(table, "mass");
  declare<kSpeeds>(table, "speed");
  declare<kTemperatures>(table, "temperature");
  declare<kVolumes>(table, "volume");
}

}  // namespace spillway::kql
