"""Features on Apache Spark, for shops that outgrow one machine; an extra of the package."""
